/**
 * Starts a timer that does not keep the process alive, on hosts where timers do.
 *
 * @returns the argument for `clearTimeout`.
 */
export function startBackgroundTimer(task: () => void, milliseconds: number): ReturnType<typeof setTimeout> {
  const timer = setTimeout(task, milliseconds)
  ;(timer as { unref?(): void }).unref?.()
  return timer
}
