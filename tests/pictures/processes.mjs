// The processes that pictures are taken of, and waiting for them.
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export const MINUTE = 60_000;

const cleanups = [];

/** Runs `take`, and whatever happens stops what was started, then exits. */
export async function withCleanup(take) {
  try {
    await Promise.race([take(), new Promise((_, fail) => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
        process.once(signal, () => fail(new Error(signal)));
      }
      // For example a missing program: still stop what was started.
      process.once('uncaughtException', fail);
    })]);
  } catch (error) {
    log(error.message);
    process.exitCode = 1;
  } finally {
    for (const cleanup of cleanups.reverse()) {
      await cleanup();
    }
  }
  process.exit();
}

/** Adds an action that takes place at the end. */
export function atEnd(cleanup) {
  cleanups.push(cleanup);
}

/** Starts a demo, which executes commands on stdin and stops when this process exits. */
export async function startDemo(name, lab, exporter) {
  const address = `127.0.0.1:${await freePort()}`;
  const demo = spawn(lab, ['demo', '--exporter', exporter, '--listen', address], { stdio: ['pipe', 'pipe', 'ignore'] });
  atEnd(() => stop(demo, () => demo.stdin.end()));
  let output = '';
  demo.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  const prints = (what) => until(`${name}: ${what}`, MINUTE, async () => output.includes(what));
  await prints('exporter is listening\n');
  const send = (line) => {
    demo.stdin.write(`${line}\n`);
    return prints(`done: ${line}\n`);
  };
  return { address, send };
}

export function log(text) {
  console.error(`pictures: ${text}`);
}

/** Stops a child process and waits until it has exited. */
export async function stop(child, terminate) {
  if (child.pid && child.exitCode === null && child.signalCode === null) {
    const exited = new Promise((done) => child.once('exit', done));
    terminate();
    await exited;
  }
}

export async function until(what, timeout, condition) {
  for (const deadline = Date.now() + timeout; !(await condition().catch(() => false)); await sleep(500)) {
    if (Date.now() > deadline) {
      throw new Error(`timed out after ${timeout / MINUTE} minutes: ${what}`);
    }
  }
}

/** Returns a port that was free a moment ago. */
export function freePort() {
  return new Promise((done, fail) => {
    const server = createServer().once('error', fail).listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}
