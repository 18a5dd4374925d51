/**
 * The port for everything that brings routes to routers: BGP is the first output (bgp-speaker).
 *
 * An output is given a RouteTable, the desired state, when it is created. It follows the table by itself and makes its receivers (BGP's are
 * peers) agree with it. Nobody tells an output about single changes, and a receiver that was away gets what it missed. An output keeps the settings that
 * it was created with: others take effect when the program starts again.
 */

export interface RouteOutput {
  /** Call once, when the table is complete. Before, receivers are told nothing: an incomplete table would withdraw routes that they keep. */
  start(): Promise<void>
  status(): OutputStatus
  /** Names of the receivers that have been told a prefix. */
  receiversWith(prefix: string): readonly string[]
  /** Ends the output. Receivers that can keep the routes do so, unless `withdraw`. */
  close(options?: CloseOptions): Promise<void>
}

export interface CloseOptions {
  /** Withdraw the routes first. */
  readonly withdraw?: boolean
}

export interface OutputStatus {
  readonly receivers: readonly OutputReceiver[]
  /** Sentences: what keeps the output from working, whatever its receivers do. */
  readonly fault: string | undefined
}

export interface OutputReceiver {
  readonly name: string
  /** Can it be told about routes now? */
  readonly isUp: boolean
  /** Routes that it has been told. */
  readonly routes: number
  /** It has been told the whole table, and nothing waits. */
  readonly isComplete: boolean
}
