/** The options that have a value: a change of a test leaves one out with `undefined`. */
export function present<Options extends object>(options: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Options
}
