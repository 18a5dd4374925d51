/** The host of a Host header in lower case: without port, brackets, and the dot at the end of a full name. */
export function hostOf(header: string): string {
  return header
    .toLowerCase()
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
}
