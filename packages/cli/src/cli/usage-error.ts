/** The command line is invalid. The message is printed. */
export class UsageError extends Error {}

/** The key of a file is neither named nor in the environment, and there is no terminal that could ask for it. */
export class MissingKeyError extends UsageError {}
