import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { readContainer } from '../../src/http/read-container.ts'

// A service in a separate process that reads containers. `GET /` returns its resident memory, and how much it has read.
const sockets = new Set<Socket>()
const server = createServer(async (request, response) => {
  if (request.method === 'GET') {
    const read = [...sockets].reduce((sum, { bytesRead }) => sum + bytesRead, 0)
    return response.end(JSON.stringify({ resident: process.memoryUsage.rss(), read }))
  }
  const reading = await readContainer(request)
  return response.writeHead(reading.found ? 200 : reading.status).end()
})
server.on('connection', (socket) => void sockets.add(socket))
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
