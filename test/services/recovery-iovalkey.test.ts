import { describeRecovery } from './expect-recovery.ts'
import { startRedisStores } from './store-server.ts'

describeRecovery('Redis, with iovalkey', startRedisStores, 'iovalkey')
