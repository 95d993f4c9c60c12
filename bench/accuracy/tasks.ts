/** The list of trainings. */
import { imageTasks } from "./images.js";
import { tableTasks } from "./tables.js";
import type { Task } from "./task.js";
import { textTasks } from "./text.js";

export const tasks: readonly Task[] = [...imageTasks, ...tableTasks, ...textTasks];
