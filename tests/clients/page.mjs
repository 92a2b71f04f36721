// Serves page.html with Uppy in it, and prints each line that the page tells: node page.mjs
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const page = fileURLToPath(new URL('uppy.mjs', import.meta.url))
const { outputFiles } = await build({ entryPoints: [page], bundle: true, format: 'esm', write: false })
const [script] = outputFiles

const server = createServer((request, response) => {
  if (request.method === 'POST') {
    request.setEncoding('utf8').on('data', (text) => console.log(text.trim()))
    request.on('end', () => response.writeHead(204).end())
  } else if (request.url === '/uppy.js') {
    response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(script.contents)
  } else if (request.url.startsWith('/?')) {
    response.writeHead(200, { 'Content-Type': 'text/html' }).end('<script type="module" src="/uppy.js"></script>')
  } else {
    response.writeHead(404).end()
  }
})
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`))
