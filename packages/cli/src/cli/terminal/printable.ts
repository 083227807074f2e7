import type { Host } from '../host.ts'

/**
 * A host that shows nothing but text. The text may come from a log, from a file of credentials or from the command
 * line: control characters move the cursor of a terminal, others turn the direction of the text or are not seen. Each
 * is printed as `\uXXXX`, which is its spelling in JSON as well (AUD-26). So are a line feed, and each space but the
 * common one; a tab is not, as it separates columns.
 */
export function printableHost(host: Host): Host {
  return {
    ...host,
    print: (line) => host.print(printable(line)),
    complain: (line) => host.complain(printable(line)),
    askHidden: (question, signal) => host.askHidden(printable(question), signal),
  }
}

function printable(line: string): string {
  return line.replace(/[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]/gu, (found) =>
    found === '\t' || found === ' '
      ? found
      : [...Array(found.length).keys()].map((at) => escaped(found.charCodeAt(at))).join(''),
  )
}

function escaped(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, '0')}`
}
