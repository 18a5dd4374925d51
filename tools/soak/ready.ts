/** Is a program ready, by its own word? */
import { askAdmin } from '@dnstap-bgp/testkit'

export async function askReady(socket: string): Promise<{ ready: boolean; text: string }> {
  try {
    const { status, text } = await askAdmin(socket, 'GET', '/readyz')
    return { ready: status === 200, text: text.trim() }
  } catch (error) {
    return { ready: false, text: error instanceof Error ? error.message : String(error) }
  }
}
