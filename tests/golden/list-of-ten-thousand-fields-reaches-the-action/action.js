function main({ a }) { return { length: a.length }; }
