/** Text that must not be logged: as it is, or hidden in something that only gives it when asked (config's Secret). */
export type SecretText = string | { reveal(): string }

export function reveal(secret: SecretText): string {
  return typeof secret === 'string' ? secret : secret.reveal()
}
