import { isVisible } from './characters.ts'
import { foldedProblem, isStep } from './path.ts'

/**
 * Returns why a server could resolve the path of a URL to another place, if it decodes the path or removes parameters
 * (`..;x`) before it looks for dot segments. Returns undefined when it cannot. A second decoding changes nothing.
 *
 * @param pathname - begins with a slash, and has no encoded slash, backslash or percent sign.
 */
export function decodedPathProblem(pathname: string): string | undefined {
  const decoded = decode(pathname)
  if (decoded === undefined) return 'has percent-encoding in the path that is not valid UTF-8'
  const segments = decoded.split('/').filter((segment) => segment !== '')
  if (segments.some((segment) => isStep(segment) || /^\s*\.+\s/.test(segment))) return 'has a dot segment'
  if (!isVisible(decoded)) return 'has an encoded control or invisible character'
  return foldedProblem(decoded)
}

function decode(pathname: string): string | undefined {
  try {
    return decodeURIComponent(pathname)
  } catch {
    return undefined
  }
}
