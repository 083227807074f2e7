import process from 'node:process'
import { listenForCalls } from '../../../src/http/adapters/listen-for-calls.ts'
import { waitingService } from '../../service/waiting-service.ts'

// A service in a process of its own. Its parent gets its port, and its records when it exits.
const { service, kinds } = waitingService(process.argv[2] ?? '')
process.once('exit', () => process.stdout.write(kinds()))
const { port } = await listenForCalls(service, { port: 0 })
process.send?.(port)
