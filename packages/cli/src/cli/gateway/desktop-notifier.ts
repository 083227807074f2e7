// node only: starts programs
/**
 * Notifications on the desktop of the person who runs the gateway.
 *
 * @module
 */

import process from 'node:process'
import { startBackgroundTimer } from '#support/background-timer.ts'
import { quote } from '#support/quote.ts'
import { runProgram } from '../../support/run-program.ts'
import type { Host } from '../host.ts'

/** A call that waits for an approval. */
export interface WaitingCall {
  /** The name of the agent; undefined for one that the home folder does not know. */
  readonly agent: string | undefined
  /** Such as `/mcp/mail/send`. */
  readonly command: string
}

/** Shows notifications. */
export interface Notifier {
  /** Shows one, or counts it for the next one. Never throws. */
  show(call: WaitingCall): void
  close(): void
}

/** Options of {@link createNotifier}. */
export interface NotifierOptions {
  readonly env: Host['env']
  /** The command that shows the requests, such as `procura approve`. */
  readonly command: string
  /** Receives the first fault. */
  readonly onFault: (fault: string) => void
  /** Default: of this machine. */
  readonly platform?: NodeJS.Platform
}

/** Milliseconds between two notifications: an agent can make many requests. */
const restMs = 30_000

/** Milliseconds within which the program must end. */
const programMs = 5_000

/**
 * Makes the notifier of a desktop; undefined where there is none. APR-34
 *
 * APR-36: a notification has no argument of a call and no ID. Other users can read the words of a program.
 */
export function createNotifier({
  env,
  command,
  onFault,
  platform = process.platform,
}: NotifierOptions): Notifier | undefined {
  const wordsOf = programOf(env, platform)
  if (wordsOf === undefined) return undefined
  let timer: NodeJS.Timeout | undefined
  let [more, hasFailed] = [0, false]

  function send(title: string, text: string): void {
    const words = wordsOf?.(title, `${text}: run ${command} in a terminal`) ?? []
    const fault = (reason: string): void => {
      if (hasFailed) return
      hasFailed = true
      onFault(`no notification was shown: ${quote(words[0] ?? '')} ${reason}`)
    }
    runProgram(words, { env, ms: programMs }).then(
      ({ code }) => (code === 0 ? undefined : fault(`ended with ${code ?? 'a signal'}`)),
      ({ message }: Error) => fault(message),
    )
    timer = startBackgroundTimer(next, restMs)
  }

  function next(): void {
    timer = undefined
    const count = more
    more = 0
    if (count > 0) send('Approvals are requested', `${count} more ${count === 1 ? 'call waits' : 'calls wait'}`)
  }

  return {
    show({ agent, command: called }) {
      if (timer !== undefined) {
        more += 1
        return
      }
      const who = agent === undefined ? 'An unknown agent' : `The agent ${quote(agent)}`
      send('An approval is requested', `${who} wants to call ${called.split('/').slice(2).join('/')}`)
    },
    close: () => clearTimeout(timer),
  }
}

/** The words of the program that shows a title and a text, none of which is read as a script or an option. */
function programOf(
  env: Host['env'],
  platform: NodeJS.Platform,
): ((title: string, text: string) => readonly string[]) | undefined {
  if (platform === 'darwin') {
    const script = ['on run argv', 'display notification (item 2 of argv) with title (item 1 of argv)', 'end run']
    const words = ['osascript', ...script.flatMap((line) => ['-e', line])]
    return (title, text) => [...words, title, text]
  }
  const isDesktop = ['DISPLAY', 'WAYLAND_DISPLAY', 'DBUS_SESSION_BUS_ADDRESS'].some((name) => env[name])
  if (platform === 'win32' || !isDesktop) return undefined
  // The text of a notification is markup.
  const escaped = (text: string): string =>
    text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  return (title, text) => ['notify-send', '--app-name=Procura', '--', title, escaped(text)]
}
