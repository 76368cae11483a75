/** The native addon, attached to this JavaScript environment. Only this folder calls it. */
import * as addon from "../../binding.js";
import { deliver } from "./delivery";

export { addon };

/** The number by which the addon knows this copy of our JavaScript. */
export const attachment = addon.attach(deliver);
