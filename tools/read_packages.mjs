// Prints, as JSON, what the JavaScript packages behind chains.toml say. Called by refresh_chains.py:
// node read_packages.mjs CHAINS VIEM SUPERCHAIN ACROSS_TOKENS LIFI LIFI_TYPES FORMER_CHAINS... (a folder each)
import fs from "node:fs";
import { createRequire } from "node:module";
import vm from "node:vm";

const [chains, viem, superchain, acrossTokens, lifi, lifiTypes, ...former] = process.argv.slice(2);
const load = createRequire(import.meta.url);

// viem's definitions are read as text: importing them would pull in viem's own dependencies.
function definitions(folder) {
  const found = {};
  for (const file of fs.readdirSync(folder).filter((name) => name.endsWith(".js")).sort()) {
    const body = fs.readFileSync(`${folder}/${file}`, "utf8").replace(/^import .*$/gm, "").replace(/^export /gm, "");
    const script = `const all = []; const chainConfig = {}; const defineChain = (c) => (all.push(c), c);${body}\n;all`;
    try {
      for (const c of vm.runInNewContext(script)) {
        found[c.id] ??= {
          rpcs: [...(c.rpcUrls?.default?.http ?? [])],
          explorer: c.blockExplorers?.default?.url ?? "",
          multicall3: c.contracts?.multicall3?.address ?? "",
          ens: c.contracts?.ensUniversalResolver?.address ?? "",
        };
      }
    } catch {
      // A definition that needs more than defineChain is not one of ours; a missing chain is reported later.
    }
  }
  return found;
}

// Across names a token once, with its address on every chain. On Ethereum that is the token it stands for, whose
// decimals may be others; what is no 0x address is on a chain without an EVM.
function tokensOfAcross(symbols) {
  return Object.values(symbols).flatMap(({ decimals, addresses }) =>
    Object.entries(addresses)
      .filter(([chainId, address]) => chainId !== "1" && address.startsWith("0x"))
      .map(([chainId, address]) => ({ chainId, address, decimals })),
  );
}

// The list asks for its sister package by name, which is not installed: it is handed that package's folder.
function tokensOfLifi(list, types) {
  const found = {};
  vm.runInNewContext(fs.readFileSync(`${list}/src/_cjs/coins/coins.js`, "utf8"), {
    exports: found,
    require: () => load(`${types}/src/_cjs/index.js`),
  });
  return found.basicCoins.flatMap(({ chains }) =>
    Object.entries(chains)
      .filter(([, { address }]) => /^0x[0-9a-f]{40}$/i.test(address) && BigInt(address) !== 0n)
      .map(([chainId, { address, decimals }]) => ({ chainId, address, decimals })),
  );
}

// What a chain was called in an older version of ethereum-lists, and which chain that was.
function names(folder) {
  const listed = Object.values(load(`${folder}/dist/src/chains.js`).chains);
  return listed.map(({ chainId, shortName, name }) => [chainId, { shortName, name }]);
}

process.stdout.write(
  JSON.stringify({
    chains: load(`${chains}/dist/src/chains.js`).chains,
    viem: definitions(`${viem}/_esm/chains/definitions`),
    superchain: load(`${superchain}/dist/index.js`).default.tokens,
    acrossTokens: tokensOfAcross(load(`${acrossTokens}/dist/cjs/index.js`).TOKEN_SYMBOLS_MAP),
    lifi: tokensOfLifi(lifi, lifiTypes),
    former: former.map(names),
  }),
);
