/** Work was given up because the program, or the part that did the work, is closing. This is no fault and needs no line in the log. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError'

  constructor() {
    super('the program is stopping')
  }
}
