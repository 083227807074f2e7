import { testFourProcesses } from './four-processes.ts'
import { startPostgresStores } from './store-server.ts'

testFourProcesses('PostgreSQL', startPostgresStores)
