export const SERVICES: readonly string[]
export function units(): [name: string, text: string][]
