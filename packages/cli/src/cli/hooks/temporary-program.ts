/** Folders in which `npx`, `pnpm dlx`, `yarn dlx` and `bunx` install a package for one run. */
const temporary = /[\\/](?:_npx|dlx|dlx-[^\\/]{1,200}|xfs-[^\\/]{1,200}|bunx-[^\\/]{1,200})[\\/]/

/**
 * The warning about a program that a package runner has installed for one run. Its path goes into the configuration of
 * a client, and the runner removes it at some time. WRP-29
 *
 * @param program - the words that start the program.
 */
export function temporaryWarning(program: readonly string[]): string | undefined {
  return program.some((word) => temporary.test(word))
    ? 'warning: this procura is in a temporary folder of npx or a similar program, and the client will not find it there when the folder is removed; install it with `npm install -g procura-cli`, and run this again'
    : undefined
}
