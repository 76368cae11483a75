export * from "./swap.js";
