// node only: listens on sockets
import { chmodSync, existsSync, lstatSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import process from 'node:process'
import { ArgumentError } from 'procura/errors'
import { quote } from '#support/quote.ts'
import { startAtAddress, startServer } from '#support/start-server.ts'
import { checkSocketPath } from '../../support/socket-path.ts'
import type { ListenPlace } from '../configuration/read-gateway-config.ts'

/** A place at which the gateway listens. */
export interface Listener {
  /** The path of the socket, or the address with the port that is used. */
  readonly place: string
  /** Accepts no more connections, and removes the socket. Those that are open stay. */
  close(): Promise<void>
}

/** Milliseconds in which a gateway that listens already answers. */
const probeMs = 1_000

/** The words of the messages. */
export interface ListenerWords {
  /** The program that listens. */
  readonly program: string
  /** The option with the place. */
  readonly option: string
}

const gatewayWords: ListenerWords = Object.freeze({ program: 'a gateway', option: '`listen`' })

/**
 * Listens on a Unix socket that only this user can open, or on a loopback address. GTW-21
 *
 * @throws ArgumentError when another process listens there, the folder is open to others, or the place cannot be used.
 */
export async function listen(
  place: ListenPlace,
  onConnection: (socket: Socket) => void,
  { program, option }: ListenerWords = gatewayWords,
): Promise<Listener> {
  const server = createServer({ allowHalfOpen: false, noDelay: true }, onConnection)
  if (!('socket' in place)) {
    const { place: used } = await startAtAddress(server, place, option)
    return { place: used, close: () => closed(server) }
  }
  const { socket: path } = place
  checkSocketPath(path)
  checkFolder(dirname(path))
  await removeDead(path, program, option)
  // The mode is right from the first moment: the socket is made while no other mode is possible.
  const before = process.umask(0o177)
  const listening = startServer(server, () => server.listen(path), path, option)
  process.umask(before)
  await listening
  chmodSync(path, 0o600)
  return { place: path, close: () => closed(server) }
}

/** The callback of `close` comes when the last connection has ended, and is not waited for. */
async function closed(server: Server): Promise<void> {
  server.close()
}

/** Somebody else who can write the folder can put a socket of their own in the place of ours. */
function checkFolder(folder: string): void {
  const status = lstatSync(folder, { throwIfNoEntry: false })
  if (status === undefined) throw wrong(folder, 'does not exist; create it with mode 0700')
  if (!status.isDirectory()) throw wrong(folder, 'is not a folder; the folder of the socket must not be a link')
  if (status.uid !== process.getuid?.()) throw wrong(folder, 'belongs to another user; choose a folder of your own')
  if ((status.mode & 0o022) !== 0) throw wrong(folder, 'can be written by other users; run chmod 700')
}

/**
 * Reports a gateway that runs already, before its log and its state are waited for.
 *
 * @throws ArgumentError when a process listens at the socket.
 */
export async function refuseSecondGateway(place: ListenPlace): Promise<void> {
  if ('socket' in place && existsSync(place.socket) && (await isLive(place.socket)))
    throw inUse(place.socket, 'a gateway')
}

function inUse(path: string, program: string): ArgumentError {
  return wrong(path, `is in use: ${program} is running already; stop it first`)
}

/** Removes the socket of a gateway that was killed. A live socket, and any other file, stays. */
async function removeDead(path: string, program: string, option: string): Promise<void> {
  const status = lstatSync(path, { throwIfNoEntry: false })
  if (status === undefined) return
  if (!status.isSocket()) throw wrong(path, `exists and is not a socket; remove it, or change ${option}`)
  if (await isLive(path)) throw inUse(path, program)
  unlinkSync(path)
}

function isLive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    const done = (answer: boolean): void => {
      probe.destroy()
      resolve(answer)
    }
    // A gateway that is too busy to accept is alive. If this process was busy, the error of a dead one comes now:
    // Deno runs timers before it.
    probe.setTimeout(probeMs, () => setImmediate(done, true))
    probe.once('connect', () => done(true))
    probe.once('error', ({ code }: NodeJS.ErrnoException) => done(code !== 'ECONNREFUSED' && code !== 'ENOENT'))
  })
}

function wrong(path: string, fault: string): ArgumentError {
  return new ArgumentError(`${quote(path, 256)} ${fault}`)
}
