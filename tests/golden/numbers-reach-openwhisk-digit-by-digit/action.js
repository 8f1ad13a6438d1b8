function main({ a, b, c, d, e, z }) { return { types: [a, b, c, d, e, z].map((value) => typeof value).join(" ") }; }
