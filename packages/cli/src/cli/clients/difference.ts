/**
 * The difference of two texts as one hunk of `diff -u`, without context: the lines from the first change to the last.
 *
 * @param oldLine - the line of the old text in its file, from 1.
 * @param newLine - the line of the new text in its file, from 1.
 */
export function differenceOf(before: string, after: string, oldLine: number, newLine: number): readonly string[] {
  const [old, now] = [linesOf(before), linesOf(after)]
  let start = 0
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1
  let tail = 0
  while (tail < old.length - start && tail < now.length - start && old.at(-1 - tail) === now.at(-1 - tail)) tail += 1
  const [removed, added] = [old.slice(start, old.length - tail), now.slice(start, now.length - tail)]
  if (removed.length + added.length === 0) return []
  return [
    `@@ -${oldLine + start},${removed.length} +${newLine + start},${added.length} @@`,
    ...removed.map((line) => `-${line}`),
    ...added.map((line) => `+${line}`),
  ]
}

function linesOf(text: string): readonly string[] {
  const lines = text.split('\n')
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}
