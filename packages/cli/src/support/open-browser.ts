// node only: starts programs
import process from 'node:process'
import { withoutPassphrases } from './run-program.ts'

/**
 * Opens a page in the browser of the person. The browser goes on after this program.
 *
 * @param page - of https, or of this machine.
 * @returns whether a browser was started; not in a session of SSH, or without a display.
 */
export async function openBrowser(page: URL, env: Readonly<Record<string, string | undefined>>): Promise<boolean> {
  const isMac = process.platform === 'darwin'
  const hasDisplay = isMac || env['DISPLAY'] !== undefined || env['WAYLAND_DISPLAY'] !== undefined
  if (!hasDisplay || env['SSH_CONNECTION'] !== undefined) return false
  const { spawn } = await import('node:child_process')
  return new Promise((resolve) => {
    const options = { detached: true, stdio: 'ignore', env: withoutPassphrases(env) } as const
    const child = spawn(isMac ? 'open' : 'xdg-open', [page.href], options)
    child.once('error', () => resolve(false)).once('spawn', () => resolve(true))
    child.unref()
  })
}
