/** The error with which a task throws or rejects; undefined when it succeeds. */
export async function errorOf(task: () => unknown): Promise<unknown> {
  try {
    await task()
    return undefined
  } catch (error) {
    return error
  }
}
