import { ipStoreConformance } from './conformance.ts'
import { MemoryIpStore } from './memory-ip-store.ts'

ipStoreConformance('in-memory', async () => new MemoryIpStore({ epoch: 'e1', hashSeed: 12345 }), { runs: 300 })
