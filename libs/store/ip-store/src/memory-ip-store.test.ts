import { ipStoreConformance } from '../testing/conformance.ts'
import { MemoryIpStore } from './memory-ip-store.ts'

ipStoreConformance('in-memory', async () => new MemoryIpStore({ epoch: 'e1', hashSeed: 12345, now: () => 1_790_000_000_000 }), {
  runs: 300,
})
