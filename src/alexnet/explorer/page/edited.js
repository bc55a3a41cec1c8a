/* A network being edited: its description, what is done to it, and how it fits into an address. */
"use strict";

Explorer.edited = (() => {
  /* Each of these gives a new description and leaves the old one as it is. */
  const replaced = (network, index, layer) => ({ ...network,
    layers: network.layers.map((one, at) => (at === index ? layer : one)) });

  const removed = (network, index) => ({ ...network,
    layers: network.layers.filter((_, at) => at !== index) });

  function moved(network, index, by) {
    const layers = [...network.layers];
    const [layer] = layers.splice(index, 1);
    layers.splice(Math.max(0, Math.min(layers.length, index + by)), 0, layer);
    return { ...network, layers };
  }

  /* A new layer behind another, reading it; who read the other now reads the new one. */
  function added(network, index, example) {
    const before = network.layers[index];
    const layer = { ...example, name: freeName(network, example.name || example.kind) };
    if (before.tower !== undefined) layer.tower = before.tower;
    if (example.reads) layer.reads = [before.name];
    const after = network.layers.slice(index + 1).map((one) => (one.reads
      ? { ...one, reads: one.reads.map((name) => (name === before.name ? layer.name : name)) }
      : one));
    return { ...network, layers: [...network.layers.slice(0, index + 1), layer, ...after] };
  }

  /* Without a layer; who read it now reads what it read. */
  function takenOut(network, index) {
    const gone = network.layers[index];
    const instead = gone.reads || [];
    const layers = network.layers.map((one) => (one.reads && instead.length === 1
      ? { ...one, reads: one.reads.map((name) => (name === gone.name ? instead[0] : name)) }
      : one));
    return removed({ ...network, layers }, index);
  }

  function freeName(network, wanted) {
    const taken = new Set(network.layers.map((layer) => layer.name));
    if (!taken.has(wanted)) return wanted;
    let number = 2;
    while (taken.has(`${wanted}${number}`)) number += 1;
    return `${wanted}${number}`;
  }

  /* A renamed layer keeps its readers. */
  function renamed(network, index, name) {
    const before = network.layers[index].name;
    const layers = network.layers.map((one, at) => {
      const reads = one.reads && one.reads.map((read) => (read === before ? name : read));
      return { ...one, ...(reads ? { reads } : {}), ...(at === index ? { name } : {}) };
    });
    return { ...network, layers };
  }

  /* Packed small enough to be part of an address, and back. */
  async function packed(network) {
    const bytes = await through(new CompressionStream("deflate-raw"), JSON.stringify(network));
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  }

  async function unpacked(text) {
    const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(plain, (character) => character.charCodeAt(0));
    const whole = await through(new DecompressionStream("deflate-raw"), bytes);
    return JSON.parse(new TextDecoder().decode(whole));
  }

  async function through(stream, content) {
    const passed = new Blob([content]).stream().pipeThrough(stream);
    return new Uint8Array(await new Response(passed).arrayBuffer());
  }

  return { replaced, moved, added, takenOut, renamed, packed, unpacked };
})();
