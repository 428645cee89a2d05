import App

// The program is the room `App`, which tests build too.
await Program.run()
