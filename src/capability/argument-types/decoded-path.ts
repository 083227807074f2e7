import { isVisible } from './characters.ts'
import { foldedProblem, isStep } from './path.ts'

/**
 * Says why the path of a URL may be another place for a reader that decodes it, or cuts parameters off (`..;x`), before
 * it looks for dot segments. Decoding it again changes nothing.
 *
 * @param pathname - which begins with a slash, and has no encoded slash, backslash or percent sign.
 */
export function decodedPathProblem(pathname: string): string | undefined {
  const decoded = decode(pathname)
  if (decoded === undefined) return 'has percent-encoding in the path that is not UTF-8'
  const segments = decoded.split('/').filter((segment) => segment !== '')
  if (segments.some((segment) => isStep(segment) || /^\s*\.+\s/.test(segment))) return 'has a segment of dots'
  if (!isVisible(decoded)) return 'has an encoded control or hidden character'
  return foldedProblem(decoded)
}

function decode(pathname: string): string | undefined {
  try {
    return decodeURIComponent(pathname)
  } catch {
    return undefined
  }
}
