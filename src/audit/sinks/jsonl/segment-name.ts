/** A file of a log, by the number of its first record. */
export interface SegmentName {
  readonly file: string
  readonly first: number
}

/** The name of the file that begins with a record: `audit-0000000000000001.jsonl`. Names sort as the records do. */
export function segmentName(prefix: string, first: number): SegmentName {
  return { file: `${prefix}-${String(first).padStart(16, '0')}.jsonl`, first }
}

/** The files of a log among the names in a directory, oldest first. Other files are ignored. */
export function segmentsAmong(names: readonly string[], prefix: string): readonly SegmentName[] {
  const segments: SegmentName[] = []
  for (const file of names) {
    if (file.length !== prefix.length + 23 || !file.startsWith(`${prefix}-`) || !file.endsWith('.jsonl')) continue
    const digits = file.slice(prefix.length + 1, -6)
    if (/^[0-9]{16}$/.test(digits)) segments.push({ file, first: Number(digits) })
  }
  return segments.sort((a, b) => a.first - b.first)
}
