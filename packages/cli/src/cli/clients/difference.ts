/** Lines of context around a change. */
const context = 3

/**
 * The difference of two texts as hunks of `diff -u`. The longest common subsequence is found for the lines between the
 * first and the last change.
 *
 * @param oldLine - the line of the old text in its file, from 1.
 * @param newLine - the line of the new text in its file, from 1.
 */
export function unifiedHunks(before: string, after: string, oldLine: number, newLine: number): readonly string[] {
  const shown: string[] = []
  for (const hunk of hunksOf(changesOf(linesOf(before), linesOf(after)))) {
    const removed = hunk.filter(({ sign }) => sign !== '+').length
    const added = hunk.filter(({ sign }) => sign !== '-').length
    const [first] = hunk as [Change]
    shown.push(`@@ -${first.oldLine + oldLine - 1},${removed} +${first.newLine + newLine - 1},${added} @@`)
    for (const { sign, line } of hunk) shown.push(`${sign}${line}`)
  }
  return shown
}

interface Change {
  readonly sign: ' ' | '-' | '+'
  readonly line: string
  /** The line in the old and in the new text, from 1. */
  readonly oldLine: number
  readonly newLine: number
}

function linesOf(text: string): readonly string[] {
  const lines = text.split('\n')
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}

function changesOf(old: readonly string[], now: readonly string[]): readonly Change[] {
  let start = 0
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1
  let tail = 0
  while (tail < old.length - start && tail < now.length - start && old.at(-1 - tail) === now.at(-1 - tail)) tail += 1
  const changes: Change[] = []
  const add = (sign: Change['sign'], line: string): void => {
    const last = changes.at(-1)
    const oldLine = last === undefined ? 1 : last.oldLine + (last.sign === '+' ? 0 : 1)
    const newLine = last === undefined ? 1 : last.newLine + (last.sign === '-' ? 0 : 1)
    changes.push({ sign, line, oldLine, newLine })
  }
  for (const line of old.slice(0, start)) add(' ', line)
  compare(old.slice(start, old.length - tail), now.slice(start, now.length - tail), add)
  for (const line of old.slice(old.length - tail)) add(' ', line)
  return changes
}

/** Most cells of the table of common lines. Beyond, everything is shown as removed and added. */
const maxCells = 4_000_000

function compare(
  old: readonly string[],
  now: readonly string[],
  add: (sign: Change['sign'], line: string) => void,
): void {
  if ((old.length + 1) * (now.length + 1) > maxCells) {
    for (const line of old) add('-', line)
    for (const line of now) add('+', line)
    return
  }
  const width = now.length + 1
  const common = new Uint32Array((old.length + 1) * width)
  const at = (row: number, column: number): number => common[row * width + column] ?? 0
  for (let row = old.length - 1; row >= 0; row--)
    for (let column = now.length - 1; column >= 0; column--)
      common[row * width + column] =
        old[row] === now[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1))
  let [row, column] = [0, 0]
  while (row < old.length || column < now.length) {
    if (row < old.length && column < now.length && old[row] === now[column]) {
      add(' ', old[row] ?? '')
      row += 1
      column += 1
    } else if (row < old.length && (column === now.length || at(row + 1, column) >= at(row, column + 1)))
      add('-', old[row++] ?? '')
    else add('+', now[column++] ?? '')
  }
}

function hunksOf(changes: readonly Change[]): readonly (readonly Change[])[] {
  const kept = changes.map((_, index) =>
    changes.slice(Math.max(0, index - context), index + context + 1).some(({ sign }) => sign !== ' '),
  )
  const hunks: Change[][] = []
  for (const [index, change] of changes.entries()) {
    if (kept[index] !== true) continue
    if (kept[index - 1] !== true) hunks.push([])
    hunks.at(-1)?.push(change)
  }
  return hunks
}
