/** Thrown by a handler: the status and the sentence that the request gets. */
export class AdminError extends Error {
  override readonly name = 'AdminError'
  /** HTTP's. */
  readonly status: number

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.status = status
  }
}
