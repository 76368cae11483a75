CREATE TABLE `countries` (
	`code` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `cities` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`name` text NOT NULL,
	`country_code` text NOT NULL,
	`population` integer,
	`elevation` real,
	`is_capital` integer DEFAULT false NOT NULL,
	`founded_at` integer,
	`tags` text,
	`created_at` text DEFAULT (date('2001-01-01')),
	FOREIGN KEY (`country_code`) REFERENCES `countries`(`code`) ON UPDATE no action ON DELETE cascade
);
--> statement-breakpoint
CREATE INDEX `cities_by_country` ON `cities` (`country_code`);
--> statement-breakpoint
CREATE UNIQUE INDEX `cities_by_name` ON `cities` (`country_code`,`name`);
