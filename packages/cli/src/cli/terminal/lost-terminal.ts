// node only: works with the terminal of the process
import { closeSync, openSync } from 'node:fs'
import { isatty } from 'node:tty'

/**
 * Makes the question whether the terminal of this process is gone: a window was closed, or a connection ended. It had
 * one if a standard stream was a terminal and the system knew the terminal of its session. A service has none, and
 * neither has a program under `nohup`, whose standard streams are files.
 *
 * When it is gone, the standard streams that were at it become `/dev/null`. Node would abort at its end otherwise: it
 * restores the settings of the terminal. CLI-32
 */
export function terminalLoss(): () => boolean {
  const streams = [0, 1, 2].filter((stream) => isatty(stream))
  const hadTerminal = streams.length > 0 && hasTerminal()
  let isLost = false
  return () => {
    if (isLost || !hadTerminal || hasTerminal()) return isLost
    isLost = true
    for (const stream of streams) {
      closeSync(stream)
      // The system gives the lowest number that is free.
      openSync('/dev/null', 'r+')
    }
    return true
  }
}

/** Whether the session of this process has a terminal. The system forgets it when the terminal is gone. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}
