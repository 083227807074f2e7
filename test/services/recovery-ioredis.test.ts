import { describeRecovery } from './expect-recovery.ts'
import { startRedisStores } from './store-server.ts'

describeRecovery('Redis, with ioredis', startRedisStores, 'ioredis')
