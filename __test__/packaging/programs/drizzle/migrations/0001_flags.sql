ALTER TABLE `cities` ADD `flag` blob;
