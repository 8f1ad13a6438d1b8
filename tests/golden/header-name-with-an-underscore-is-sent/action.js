function main() { return { headers: { x_a_b: "c" } }; }
