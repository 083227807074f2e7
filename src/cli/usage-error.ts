/** The command line is invalid. The message is printed. */
export class UsageError extends Error {}
