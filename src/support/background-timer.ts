/**
 * Starts a timer that does not keep the process from ending, where timers can do that.
 *
 * @returns what `clearTimeout` takes.
 */
export function startBackgroundTimer(task: () => void, milliseconds: number): ReturnType<typeof setTimeout> {
  const timer = setTimeout(task, milliseconds)
  ;(timer as { unref?(): void }).unref?.()
  return timer
}
