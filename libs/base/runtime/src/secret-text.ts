/** Text that must not be logged: a string, or an object that hides it (config's Secret). */
export type SecretText = string | { reveal(): string }

export function reveal(secret: SecretText): string {
  return typeof secret === 'string' ? secret : secret.reveal()
}
