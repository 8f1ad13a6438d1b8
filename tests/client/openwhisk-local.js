// The server under test: a running one (env OPENWHISK), or one of our own (env OPENWHISK_LOCAL, a binary).
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

// The published key of the standalone server's guest.
// Source: openwhisk core/standalone/src/main/resources/standalone.conf
export const key =
  "23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP";

const built = fileURLToPath(new URL("../../target/release/openwhisk-local", import.meta.url));

/** Its URL, and how to end it. */
export const start = async () => {
  if (process.env.OPENWHISK) return { url: process.env.OPENWHISK, stop() {} };
  const binary = process.env.OPENWHISK_LOCAL ?? built;
  const child = spawn(binary, ["--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "inherit"] });
  const failed = new Promise((_, reject) => {
    child.once("error", (error) => reject(new Error(`cannot start ${binary}: ${error.message}; build it with: cargo build --release -p openwhisk-local`)));
    child.once("exit", (code) => reject(new Error(`${binary} ended with ${code} before it was ready`)));
  });
  const ready = new Promise((resolve) => createInterface(child.stdout).once("line", resolve));
  const line = await Promise.race([ready, failed]);
  failed.catch(() => {});
  return { url: line.split(" ").at(-1), stop: () => child.kill() };
};

/** Asks again until there is an answer other than 404: records are stored a little later. */
export const stored = async (ask) => {
  // Far more than needed, on a busy machine too: reached only when something hangs.
  const deadline = Date.now() + 120_000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (error.statusCode !== 404 || Date.now() > deadline) throw error;
    }
  }
};
