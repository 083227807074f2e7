// node only: reads a terminal

/** A stream that a person types at, such as `process.stdin`. */
export interface TypedInput {
  on(event: 'data', listener: (chunk: Uint8Array | string) => void): unknown
  on(event: 'end', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  off(event: 'data', listener: (chunk: Uint8Array | string) => void): unknown
  off(event: 'end', listener: () => void): unknown
  off(event: 'error', listener: (error: Error) => void): unknown
  pause(): unknown
  resume(): unknown
  /** Whether characters arrive one by one, and not as lines. */
  readonly isRaw?: boolean
  setRawMode?(on: boolean): unknown
}

/** Most characters of an answer. */
const maxLine = 100

/**
 * Reads a line that is typed `readingMs` after the question; an empty one at the end of the input.
 *
 * APR-42: an agent may have filled the input before, and a person may have typed ahead. Until then, characters are read
 * one by one and dropped: a terminal keeps the beginning of a line otherwise, and delivers it with the end.
 */
export function readTypedLine(input: TypedInput, readingMs: number, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    let line = ''
    let reading = readingMs > 0
    const isRaw = reading && input.isRaw === false && input.setRawMode !== undefined
    const endReading = (): void => {
      if (reading && isRaw) input.setRawMode?.(false)
      reading = false
    }
    // After the timer, input that had already arrived is read before `setImmediate` calls back.
    const timer = setTimeout(() => setImmediate(endReading), readingMs)
    const settle = (then: () => void): void => {
      clearTimeout(timer)
      endReading()
      input.off('data', onData)
      input.off('end', onEnd)
      input.off('error', onError)
      input.pause()
      signal.removeEventListener('abort', onEnd)
      then()
    }
    const onEnd = (): void => settle(() => resolve(''))
    const onError = (error: Error): void => settle(() => reject(error))
    const onData = (chunk: Uint8Array | string): void => {
      const text = typeof chunk === 'string' ? chunk : new TextDecoder().decode(chunk)
      if (reading) {
        // Ctrl-C is a character while these arrive one by one.
        if (isRaw && text.includes('\u0003')) onEnd()
        return
      }
      line += text
      const end = line.search(/[\r\n]/)
      if (end >= 0) settle(() => resolve(line.slice(0, end).trim()))
      else if (line.length > maxLine) onEnd()
    }
    if (isRaw) input.setRawMode?.(true)
    signal.addEventListener('abort', onEnd, { once: true })
    input.on('data', onData)
    input.on('end', onEnd)
    input.on('error', onError)
    input.resume()
  })
}
