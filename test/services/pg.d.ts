/** The part of `pg` that the tests use. */
declare module 'pg' {
  interface Result {
    readonly rows: readonly unknown[]
  }

  interface Connection {
    query(text: string, parameters?: readonly unknown[]): Promise<Result>
    release(error?: Error): void
    on(event: 'error', listener: (error: Error) => void): this
    off(event: 'error', listener: (error: Error) => void): this
  }

  export class Client {
    constructor(options: { readonly connectionString: string; readonly connectionTimeoutMillis?: number })
    connect(): Promise<void>
    query(text: string, parameters?: readonly unknown[]): Promise<Result>
    on(event: string, listener: (value?: unknown) => void): this
    end(): Promise<void>
  }

  export class Pool {
    constructor(options: {
      readonly connectionString: string
      readonly max?: number
      readonly options?: string
      readonly query_timeout?: number
      readonly connectionTimeoutMillis?: number
    })
    query(text: string, parameters?: readonly unknown[]): Promise<Result>
    connect(): Promise<Connection>
    on(event: 'error', listener: (error: Error) => void): this
    end(): Promise<void>
  }
}
