// The last of the files: starts every feature.

startHeartbeat();
labelFuture();
startTips();
startRenewal();
startArrowKeys();
startUnfolding();
startCharts();
startFiles();
startLog();
