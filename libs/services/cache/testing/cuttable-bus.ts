/** What one replica has of a bus that it shares with others: it can be cut off from them. */
import { LocalBus, type BusState } from '@dnstap-bgp/bus'

export const PAUSE = { pause: () => new Promise<void>((resolve) => setImmediate(resolve)) }

export class CuttableBus extends LocalBus {
  readonly #whole: LocalBus
  readonly #listeners: ((state: BusState) => void)[] = []
  #away = false
  constructor(whole: LocalBus) {
    super(PAUSE)
    this.#whole = whole
  }
  override get state(): BusState {
    return this.#away ? 'disconnected' : 'connected'
  }
  override onState(listener: (state: BusState) => void): void {
    this.#listeners.push(listener)
  }
  override publish: LocalBus['publish'] = (subject, message) => {
    if (!this.#away) this.#whole.publish(subject, message)
  }
  override subscribe: LocalBus['subscribe'] = (subject, onMessage) =>
    this.#whole.subscribe(subject, (message) => {
      if (!this.#away) onMessage(message)
    })
  goesAway(): void {
    this.#away = true
  }
  comesBack(): void {
    this.#away = false
    for (const listener of this.#listeners) listener('connected')
  }
}
