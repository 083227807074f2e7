/** A word of a command line for a POSIX shell, in quotes where it needs them. */
export function shellQuoted(word: string): string {
  return /^[A-Za-z0-9_./=:@,+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
